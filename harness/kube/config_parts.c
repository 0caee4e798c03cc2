#include "kube/config_parts.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/file.h"

/* Far more than any authority is long. */
enum { PEM_MAX = 4 * 1024 * 1024 };

int config_text(const struct ynode *map, const char *key, const char **out, struct err *e)
{
	const struct ynode *n = yaml_get(map, key);

	*out = NULL;
	if (!n || yaml_is_null(n))
		return 0;
	if (n->kind != Y_SCALAR || yaml_type(n) != YAML_IS_TEXT)
		return yaml_error(n, e, "%s must be a text: put it in quotes", key);
	*out = *n->text ? n->text : NULL;
	return 0;
}

void config_beside(const struct ynode *map, const char *name, char out[PATH_MAX])
{
	const char *slash = strrchr(map->file, '/');

	if (*name == '/' || !slash)
		snprintf(out, PATH_MAX, "%s", name);
	else
		snprintf(out, PATH_MAX, "%.*s/%s", (int)(slash - map->file), map->file, name);
}

static gnutls_datum_t datum(const struct buf *b)
{
	return (gnutls_datum_t){(unsigned char *)b->s, (unsigned)b->len};
}

static int certificates(const struct buf *pem, struct err *e)
{
	const gnutls_datum_t d = datum(pem);
	gnutls_x509_crt_t *list = NULL;
	unsigned n = 0;
	int r = pem->len ? gnutls_x509_crt_list_import2(&list, &n, &d, GNUTLS_X509_FMT_PEM, 0) :
			   GNUTLS_E_NO_CERTIFICATE_FOUND;

	for (unsigned i = 0; r >= 0 && i < n; i++)
		gnutls_x509_crt_deinit(list[i]);
	gnutls_free(list);
	return r >= 0 && n ? 0 : err_set(e, ERR_INPUT, "no certificate in PEM: %s", gnutls_strerror(r));
}

static int are_certificates(const struct ynode *map, const char *key, const struct buf *pem,
			    struct err *e)
{
	struct err why = {0};

	return certificates(pem, &why) ?
	       yaml_error(yaml_get(map, key), e, "%s holds %s", key, why.msg) : 0;
}

int config_pem(const struct ynode *map, const char *key, struct buf *out, struct err *e)
{
	bool chain = strcmp(key, "client-key") != 0;
	char data_key[80], path[PATH_MAX];
	const char *s;

	snprintf(data_key, sizeof(data_key), "%s-data", key);
	if (config_text(map, data_key, &s, e))
		return -1;
	if (s) {
		if (base64_decode(s, out) || !out->len)
			return yaml_error(yaml_get(map, data_key), e, "%s is no base64", data_key);
		return chain ? are_certificates(map, data_key, out, e) : 0;
	}
	if (config_text(map, key, &s, e))
		return -1;
	if (!s)
		return 0;
	config_beside(map, s, path);
	out->cap = PEM_MAX;
	if (file_read(path, out, e))
		return err_prefix(e, "%s: %s", map->file, key);
	return chain ? are_certificates(map, key, out, e) : 0;
}

int config_pair(const struct buf *cert, const struct buf *key, struct err *e)
{
	const gnutls_datum_t c = datum(cert), k = datum(key);
	gnutls_certificate_credentials_t cred;
	int r = gnutls_certificate_allocate_credentials(&cred);

	if (r >= 0) {
		r = gnutls_certificate_set_x509_key_mem(cred, &c, &k, GNUTLS_X509_FMT_PEM);
		gnutls_certificate_free_credentials(cred);
	}
	return r >= 0 ? 0 : err_set(e, ERR_INPUT, "%s", gnutls_strerror(r));
}
