/* The clock of tasks. */
#ifndef MULTISOCK_CLOCK_H
#define MULTISOCK_CLOCK_H

#include "compat.h"

void clock_open(lua_State *L);

#endif
