/* What mime.c, and the files with the fields and the methods of its parts,
   share. Nobody else includes this. */
#pragma once

#include "mime.h"

typedef struct Mime {
  bool closed; /* its values stay: an easy may have them */
  int depth;   /* in the tables that it was made of */
} Mime;

/* Where the values of a mime name the mime that it is part of. */
#define OWNER "owner"

/* ---- mime.c ---- */

extern const char mime_part_type[];

/* Pushes a new mime, so deep in tables; returns its index. */
int mime_push_mime(lua_State *L, int depth);

/* Adds the parts that the list describes. */
void mime_add_parts(lua_State *L, int mime, int list);

/* ---- mime_field.c ---- */

void mime_set_name(lua_State *L, int part, int value);
void mime_set_type(lua_State *L, int part, int value);
void mime_set_filename(lua_State *L, int part, int value);
void mime_set_encoder(lua_State *L, int part, int value);
void mime_set_headers(lua_State *L, int part, int value);
void mime_set_data(lua_State *L, int part, int value);
void mime_set_file(lua_State *L, int part, int value);
void mime_set_subparts(lua_State *L, int part, int value);

/* size, read and seek are at `first` and the two after it. */
void mime_set_stream(lua_State *L, int part, int first);

/* Sets the field named at `key`, whose value is behind it; returns the name
   when it is a content. */
const char *mime_set_field(lua_State *L, int part, int table, int key);

/* ---- mime_part.c ---- */

extern const luaL_Reg mime_part_methods[], mime_part_metamethods[];
