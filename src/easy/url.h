/* The URL API as a userdata: a parsed URL. */
#pragma once

#include "compat.h"

/* A CURLU, counted: libcurl does not copy the one that it is given, so each
   easy that has it holds it, and it outlives its userdata. */
typedef struct Url {
  CURLU *handle;
  int users;          /* its object, and easies */
  struct Url *sample; /* of a handle's own: whose place it has; it is held */
  size_t place;       /* and how long in a text is what is before the path */
} Url;

/* The Url at this index; raises when it is none or closed. */
Url *url_check(lua_State *L, int idx);

/* An empty one, or a copy, with one user; NULL: out of memory. */
Url *url_make(CURLU *original);

/* NULL: nothing to do. */
void url_release(Url *url);

/* Gives it path, query and fragment: those of a text of which url_place says that
   libcurl sends them as they are written. */
CURLUcode url_set_path(CURLU *handle, const char *text);

int url_new(lua_State *L);
void url_open(lua_State *L);
