/* Fields of a table, taken in one call. */
#pragma once

#include "compat.h"

/* core.pick */
int pick_fields(lua_State *L);
