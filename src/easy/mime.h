/* Multipart bodies. mime.c keeps what the program describes, as Lua values;
   mime_body.c builds libcurl's structure from it, one for each easy that is
   given it, and that easy alone owns it: nothing is freed twice, in whatever
   order handles go. */
#pragma once

#include "easy.h"

/* CURLOPT_MIMEPOST of the easy at `self`; raises when the value at `value` is
   no usable mime. On failure the easy's message says which part. */
CURLcode mime_set(lua_State *L, Easy *easy, int self, int value);
CURLcode mime_unset(lua_State *L, Easy *easy, int self);

/* Frees the body; libcurl must have let go of it. */
void mime_free(Easy *easy);

/* Pushes the values of the mime at this index: its parts by number. Raises
   when it is none, closed, or part of another. */
void mime_push_parts(lua_State *L, int idx);

/* Pushes the values of a part, a userdata at this index. Fields: name, data,
   file, filename, type, encoder, headers, subparts, read, seek, size. */
void mime_push_part(lua_State *L, int idx);

int mime_new(lua_State *L);
void mime_open(lua_State *L);
