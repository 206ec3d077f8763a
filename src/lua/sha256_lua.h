/* SHA-256 for Lua. */
#ifndef MULTISOCK_SHA256_LUA_H
#define MULTISOCK_SHA256_LUA_H

#include "compat.h"

/* core.sha256 */
int sha256_lua_new(lua_State *L);

void sha256_lua_open(lua_State *L);

#endif
