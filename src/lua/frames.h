/* core.websocket_frames, see frames.c. */
#pragma once

#include "compat.h"

int frames_new(lua_State *L);
int frames_accept(lua_State *L);
int frames_is_utf8(lua_State *L);
void frames_open(lua_State *L);
