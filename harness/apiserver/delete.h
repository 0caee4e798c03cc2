#ifndef ORDEAL_APISERVER_DELETE_H
#define ORDEAL_APISERVER_DELETE_H

#include "apiserver/call.h"

/* DELETE, of one object or of all that a selector names: without the store's lock. */
enum MHD_Result delete_write(struct call *rq);

#endif
