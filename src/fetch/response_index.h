/* What a look at a field of a response finds where the response itself has none: it is
   done for most of them, so it is done in C. */
#pragma once

#include "compat.h"

/* core.response_index */
int response_index_new(lua_State *L);
