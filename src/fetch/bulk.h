/* See bulk.c. */
#ifndef MULTISOCK_BULK_H
#define MULTISOCK_BULK_H

#include "compat.h"

void bulk_open(lua_State *L);

#endif
