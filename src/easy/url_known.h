/* What is known of a URL by its text, before it is parsed. */
#ifndef MULTISOCK_URL_KNOWN_H
#define MULTISOCK_URL_KNOWN_H

#include "compat.h"

#pragma GCC visibility push(hidden)

/* Adds its functions to the table on top: core. */
void url_known_open(lua_State *L);

#pragma GCC visibility pop

#endif
