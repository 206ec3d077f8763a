/* core.resume, for scheduler.lua alone. */
#ifndef MULTISOCK_RESUME_H
#define MULTISOCK_RESUME_H

#include "compat.h"

void resume_open(lua_State *L);

#endif
