/* core.resume, for scheduler.lua alone. */
#pragma once

#include "compat.h"

void resume_open(lua_State *L);
