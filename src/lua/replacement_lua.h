/* Files that are written beside those whose place they take, for Lua. */
#pragma once

#include "compat.h"

/* core.replacement */
int replacement_lua_new(lua_State *L);

/* The descriptor of the one at `idx`; raises when it is none, or closed. */
int replacement_lua_fd(lua_State *L, int idx);

void replacement_lua_open(lua_State *L);
