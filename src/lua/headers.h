/* Header fields of a response, as Lua sees them. */
#ifndef MULTISOCK_HEADERS_H
#define MULTISOCK_HEADERS_H

#include "compat.h"

#pragma GCC visibility push(hidden)

/* Pushes an object with the fields of a raw header block. */
void headers_push(lua_State *L, const char *block, size_t size);

/* Pushes the reason phrase of a raw header block; nil when it has none. */
void headers_push_reason(lua_State *L, const char *block, size_t size);

/* Pushes a list of the values of Set-Cookie in a raw header block; nil when there
   are none, which costs nothing but the look. */
void headers_push_cookies(lua_State *L, const char *block, size_t size);

/* core.headers */
int headers_new(lua_State *L);

void headers_open(lua_State *L);

#pragma GCC visibility pop

#endif
