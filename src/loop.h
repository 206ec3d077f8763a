/* A libuv loop of our own, with the driver on it. */
#ifndef MULTISOCK_LOOP_H
#define MULTISOCK_LOOP_H

#include "multi.h"

#pragma GCC visibility push(hidden)

/* Names and finds the metatable, see compat.h. */
extern const char loop_type[];

typedef struct Loop {
  uv_loop_t uv;
  uv_timer_t alarm;        /* ends a step that may block for a limited time */
  UvDriver *driver;
  Multi *multis;           /* attached ones */
  Multi *failed;           /* one whose callback has raised, or NULL */
  News news;               /* of all of their transfers */
  int depth;               /* steps on the C stack */
} Loop;

Loop *loop_check(lua_State *L, int idx);

/* The loop closes what is attached to it before itself. */
void loop_adopt(Loop *loop, Multi *multi);
void loop_forget(Loop *loop, Multi *multi);

int loop_new(lua_State *L);
void loop_open(lua_State *L);

#pragma GCC visibility pop

#endif
