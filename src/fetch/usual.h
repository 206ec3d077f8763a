/* The options of a request that say nothing unusual. */
#pragma once

#include "compat.h"

/* Adds core.usual to the table on top, which has core.json_body. */
void usual_open(lua_State *L);
