/* The decoder of content codings for Lua. */
#pragma once

#include "compat.h"

/* core.decoder */
int decoder_lua_new(lua_State *L);

/* Pushes the list of codings that can be undone. */
void decoder_lua_push_codings(lua_State *L);

void decoder_lua_open(lua_State *L);
