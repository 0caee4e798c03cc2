#include "apiserver/certificate.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/random.h"

enum { DAY_S = 86400, SERIAL_BYTES = 16, KEY_ID_BYTES = 20 };

static const char *const names[] = {"kubernetes", "kubernetes.default", "kubernetes.default.svc",
				    "kubernetes.default.svc.cluster.local", "localhost"};

struct pair {
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
};

static int begin(struct pair *p, const char *common_name)
{
	unsigned char serial[SERIAL_BYTES], id[KEY_ID_BYTES];
	size_t id_size = sizeof(id);
	time_t now = time(NULL);
	int r = gnutls_x509_privkey_init(&p->key);

	random_bytes(serial, sizeof(serial));
	serial[0] &= 0x7f; /* RFC 5280, 4.1.2.2: above 0 */
	if (r >= 0)
		r = gnutls_x509_crt_init(&p->crt);
	if (r >= 0)
		r = gnutls_x509_privkey_generate(p->key, GNUTLS_PK_ECDSA,
						 GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
						 0);
	if (r >= 0)
		r = gnutls_x509_crt_set_version(p->crt, 3);
	if (r >= 0)
		r = gnutls_x509_crt_set_serial(p->crt, serial, sizeof(serial));
	if (r >= 0)
		r = gnutls_x509_crt_set_activation_time(p->crt, now - DAY_S);
	if (r >= 0)
		r = gnutls_x509_crt_set_expiration_time(p->crt, now + (time_t)365 * DAY_S);
	if (r >= 0)
		r = gnutls_x509_crt_set_dn_by_oid(p->crt, GNUTLS_OID_X520_COMMON_NAME, 0,
						  common_name, (unsigned)strlen(common_name));
	if (r >= 0)
		r = gnutls_x509_crt_set_key(p->crt, p->key);
	if (r >= 0)
		r = gnutls_x509_crt_get_key_id(p->crt, GNUTLS_KEYID_USE_SHA1, id, &id_size);
	return r >= 0 ? gnutls_x509_crt_set_subject_key_id(p->crt, id, id_size) : r;
}

static int sign(struct pair *p, const struct pair *by)
{
	unsigned char id[KEY_ID_BYTES];
	size_t id_size = sizeof(id);
	int r = gnutls_x509_crt_get_subject_key_id(by->crt, id, &id_size, NULL);

	if (r >= 0)
		r = gnutls_x509_crt_set_authority_key_id(p->crt, id, id_size);
	return r >= 0 ? gnutls_x509_crt_sign2(p->crt, by->crt, by->key, GNUTLS_DIG_SHA256, 0) : r;
}

static int make_authority(struct pair *p)
{
	int r = begin(p, "kubernetes");

	if (r >= 0)
		r = gnutls_x509_crt_set_basic_constraints(p->crt, 1, 0);
	if (r >= 0)
		r = gnutls_x509_crt_set_key_usage(p->crt,
						  GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
	return r >= 0 ? sign(p, p) : r;
}

static int make_server(struct pair *p, const struct pair *ca, const char *address)
{
	int r = begin(p, "kube-apiserver");
	struct in_addr ip;

	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(names); i++)
		r = gnutls_x509_crt_set_subject_alt_name(p->crt, GNUTLS_SAN_DNSNAME, names[i],
							 (unsigned)strlen(names[i]),
							 GNUTLS_FSAN_APPEND);
	if (r >= 0 && inet_pton(AF_INET, address, &ip) == 1)
		r = gnutls_x509_crt_set_subject_alt_name(p->crt, GNUTLS_SAN_IPADDRESS, &ip,
							 sizeof(ip), GNUTLS_FSAN_APPEND);
	if (r >= 0)
		r = gnutls_x509_crt_set_basic_constraints(p->crt, 0, -1);
	if (r >= 0)
		r = gnutls_x509_crt_set_key_usage(p->crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (r >= 0)
		r = gnutls_x509_crt_set_key_purpose_oid(p->crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
	return r >= 0 ? sign(p, ca) : r;
}

static void keep(struct buf *out, gnutls_datum_t *pem)
{
	buf_add(out, (const char *)pem->data, pem->size);
	gnutls_free(pem->data);
}

static int export(const struct pair *ca, const struct pair *server, struct certificate *out)
{
	gnutls_datum_t pem = {0};
	int r = gnutls_x509_crt_export2(ca->crt, GNUTLS_X509_FMT_PEM, &pem);

	if (r >= 0) {
		keep(&out->ca, &pem);
		r = gnutls_x509_crt_export2(server->crt, GNUTLS_X509_FMT_PEM, &pem);
	}
	if (r >= 0) {
		keep(&out->cert, &pem);
		r = gnutls_x509_privkey_export2(server->key, GNUTLS_X509_FMT_PEM, &pem);
	}
	if (r >= 0)
		keep(&out->key, &pem);
	return r;
}

static void end(struct pair *p)
{
	if (p->crt)
		gnutls_x509_crt_deinit(p->crt);
	if (p->key)
		gnutls_x509_privkey_deinit(p->key);
}

int certificate_make(const char *address, struct certificate *out, struct err *e)
{
	struct pair ca = {0}, server = {0};
	int r = make_authority(&ca);

	if (r >= 0)
		r = make_server(&server, &ca, address);
	if (r >= 0)
		r = export(&ca, &server, out);
	end(&server);
	end(&ca);
	if (r >= 0)
		return 0;
	certificate_free(out);
	return err_set(e, ERR_BROKEN, "cannot make a certificate for the API that pods ask: %s", gnutls_strerror(r));
}

void certificate_free(struct certificate *c)
{
	if (c->key.s)
		explicit_bzero(c->key.s, c->key.len);
	buf_free(&c->ca);
	buf_free(&c->cert);
	buf_free(&c->key);
}
