/* core.resume, for scheduler.lua alone. */
#ifndef MULTISOCK_RESUME_H
#define MULTISOCK_RESUME_H

#include "compat.h"

#pragma GCC visibility push(hidden)

void resume_open(lua_State *L);

#pragma GCC visibility pop

#endif
