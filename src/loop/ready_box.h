/* Where several multis that a loop in Lua drives put those that are ready. */
#pragma once

#include "compat.h"

int ready_box_new(lua_State *L);
void ready_box_open(lua_State *L);
