/* Fields of a table, taken in one call. */
#ifndef MULTISOCK_PICK_H
#define MULTISOCK_PICK_H

#include "compat.h"

/* core.pick */
int pick_fields(lua_State *L);

#endif
