/* Header fields of a response, as Lua sees them. */
#pragma once

#include "compat.h"
#include "field_scan.h"

/* Pushes an object with the fields of a raw header block of `size` bytes, which the
   caller writes where it is told. The object keeps `own` more bytes for it, at
   `memory`, which is aligned for int64_t. */
char *headers_push(lua_State *L, size_t size, size_t own, void **memory);

/* Pushes one of a copy of the block. */
void headers_push_copy(lua_State *L, Span block);

/* The block of the object at `idx`, which is checked; what the caller of headers_push
   had it keep, and its size. */
Span headers_read(lua_State *L, int idx, const void **memory, size_t *own);

/* Pushes the reason phrase of a raw header block; nil when it has none. */
void headers_push_reason(lua_State *L, Span block);

/* Pushes a list of the values of Set-Cookie in a raw header block; nil when there
   are none, which costs nothing but the look. */
void headers_push_cookies(lua_State *L, Span block);

/* core.headers */
int headers_new(lua_State *L);

void headers_open(lua_State *L);
