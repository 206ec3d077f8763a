/* The short way of a plain request: see shortcut.c. */
#ifndef MULTISOCK_SHORTCUT_H
#define MULTISOCK_SHORTCUT_H

#include "compat.h"

#pragma GCC visibility push(hidden)

void shortcut_open(lua_State *L);

#pragma GCC visibility pop

#endif
