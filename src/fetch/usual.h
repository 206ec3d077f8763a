/* The options of a request that say nothing unusual. */
#ifndef MULTISOCK_USUAL_H
#define MULTISOCK_USUAL_H

#include "compat.h"

/* Adds core.usual to the table on top, which has core.json_body. */
void usual_open(lua_State *L);

#endif
