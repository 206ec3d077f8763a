/* The clock of tasks. */
#ifndef MULTISOCK_CLOCK_H
#define MULTISOCK_CLOCK_H

#include "compat.h"

#pragma GCC visibility push(hidden)

void clock_open(lua_State *L);

#pragma GCC visibility pop

#endif
