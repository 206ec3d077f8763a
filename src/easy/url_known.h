/* What is known of a URL by its text, before it is parsed. */
#pragma once

#include "compat.h"

/* Pushes the text at `idx` behind that at `prefix`, both of which are strings, without
   the slashes that it begins with. False, and nothing is pushed: it is not a path, with
   or without a query, that is sent as it is written. */
bool url_push_under(lua_State *L, int prefix, int idx);

/* Adds its functions to the table on top: core. */
void url_known_open(lua_State *L);
