/* Where several multis that a loop in Lua drives put their news. */
#ifndef MULTISOCK_NEWSBOX_H
#define MULTISOCK_NEWSBOX_H

#include "compat.h"

#pragma GCC visibility push(hidden)

int newsbox_new(lua_State *L);
void newsbox_open(lua_State *L);

#pragma GCC visibility pop

#endif
