/* The clock of tasks. */
#pragma once

#include "compat.h"

void clock_open(lua_State *L);
