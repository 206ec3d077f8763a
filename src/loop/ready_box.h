/* Where several multis that a loop in Lua drives put those that are ready. */
#ifndef MULTISOCK_NEWSBOX_H
#define MULTISOCK_NEWSBOX_H

#include "compat.h"

int ready_box_new(lua_State *L);
void ready_box_open(lua_State *L);

#endif
