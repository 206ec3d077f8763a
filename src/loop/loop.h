/* A libuv loop, our own or adopted from the host, with the driver on it. */
#pragma once

#include <pthread.h>

#include "multi.h"

/* Names and finds the metatable, see compat.h. */
extern const char loop_type[];

struct Host;

typedef struct Loop {
  uv_loop_t *uv;
  uv_timer_t alarm; /* ends a step that may block for a limited time */
  UvDriver *driver;
  Multi *multis;        /* attached ones */
  Multi *failed;        /* one whose callback has raised, or NULL */
  ReadyList ready;      /* of all of their transfers */
  Deadlines deadlines;  /* likewise */
  uv_timer_t deadline;  /* for them; keeps no loop alive */
  uint64_t deadline_at; /* ms of uv_hrtime when it fires; 0: it is not armed */
  unsigned forks;       /* process_forks of the process that it belongs to */
  int closing;          /* handles whose close callback is outstanding */
  int depth;            /* steps on the C stack */
  pthread_t thread;     /* of the last step; adopted: of its host */
  struct Host *host;    /* NULL: a loop of our own, see host.h */
} Loop;

Loop *loop_check(lua_State *L, int idx);

/* Whether this thread may use the loop: one of our own that is not running is
   anybody's, an adopted one is its host's. */
bool loop_is_of_thread(const Loop *loop);

/* Raises when this thread may not use the loop. */
void loop_check_thread(lua_State *L, const Loop *loop, const char *what);

/* Pushes the userdata of a Loop, or nil when it was collected. */
void loop_push(lua_State *L, const Loop *loop);

/* Whether somebody has something to take: ready transfers, or an end for info_read. */
bool loop_has_results(const Loop *loop);

/* Has the timer of the deadlines fire for the earliest of them. */
void loop_arm_deadline(Loop *loop);

/* What loop:step does, for so many seconds at most. */
#define LOOP_NO_LIMIT (-1.0)
bool loop_run_once(lua_State *L, Loop *loop, lua_Number seconds);

extern const luaL_Reg loop_turn_methods[]; /* loop_turn.c */
int loop_new(lua_State *L);
void loop_open(lua_State *L);

/* Multis can be attached: attach.c. */
void attach_open(lua_State *L);
