/* The sockets of a multi that no libuv driver drives, by local port: for where a
   request must not be sent on a connection that has something to say. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

/* All zero at first. */
typedef struct Ports {
  int *of; /* by descriptor; 0: not known */
  size_t room;
} Ports;

/* libcurl wants something of this socket; `connecting`: it may be a new one. */
void ports_note(Ports *ports, curl_socket_t fd, bool connecting);

/* Shuts the idle connection with this local port down when its other end has spoken or
   gone. False when it has. */
bool ports_check(const Ports *ports, int local_port);

/* Shuts it down, whatever it says. False when it is not known. */
bool ports_hang_up(const Ports *ports, int local_port);

void ports_free(Ports *ports);
