/* The URL API as a userdata: a parsed URL. */
#ifndef MULTISOCK_URL_H
#define MULTISOCK_URL_H

#include "compat.h"

#pragma GCC visibility push(hidden)

/* The CURLU at this index; raises when it is no URL or closed. */
CURLU *url_check(lua_State *L, int idx);

int url_new(lua_State *L);
void url_open(lua_State *L);

#pragma GCC visibility pop

#endif
