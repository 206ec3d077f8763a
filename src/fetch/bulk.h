/* See bulk.c. */
#ifndef MULTISOCK_BULK_H
#define MULTISOCK_BULK_H

#include "compat.h"

#pragma GCC visibility push(hidden)

void bulk_open(lua_State *L);

#pragma GCC visibility pop

#endif
