/* poll(2) for Lua: what the loop `poll` waits with. */
#pragma once

#include "compat.h"

int poller_new(lua_State *L);
void poller_open(lua_State *L);
