/* poll(2) for Lua: what the loop `poll` waits with. */
#ifndef MULTISOCK_POLLER_H
#define MULTISOCK_POLLER_H

#include "compat.h"

int poller_new(lua_State *L);
void poller_open(lua_State *L);

#endif
