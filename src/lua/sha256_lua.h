/* SHA-256 for Lua. */
#pragma once

#include "compat.h"

/* core.sha256 */
int sha256_lua_new(lua_State *L);

void sha256_lua_open(lua_State *L);
