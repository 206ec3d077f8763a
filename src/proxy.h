/* For Lua files that offer objects of their own: see proxy.c. */
#ifndef MULTISOCK_PROXY_H
#define MULTISOCK_PROXY_H

#include "compat.h"

#pragma GCC visibility push(hidden)

int proxy_new_type(lua_State *L);
int proxy_strerror(lua_State *L);
int proxy_curl_version(lua_State *L);

#pragma GCC visibility pop

#endif
