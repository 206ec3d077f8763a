/* See perform.c. */
#ifndef MULTISOCK_PERFORM_H
#define MULTISOCK_PERFORM_H

#include "compat.h"

#pragma GCC visibility push(hidden)

void perform_open(lua_State *L);

#pragma GCC visibility pop

#endif
