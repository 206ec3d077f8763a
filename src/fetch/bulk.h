/* See bulk.c. */
#pragma once

#include "compat.h"

void bulk_open(lua_State *L);
