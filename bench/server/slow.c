/* A server that answers each HTTP/1.1 request after a fixed delay and counts
 * how many were waiting at once, so that a client that claims to have 10,000
 * requests in flight can be believed. One thread, epoll. Used by bench/run.
 *
 *   slow --delay-ms D --body N --port P      (port 0: any; prints "PORT n")
 *   GET /peak         the most requests that waited at once, as plain text
 *   GET /peak-reset   the same, and counting starts anew
 *   GET anything else 200 with N bytes, D ms later */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TARGET_MAX 32

struct connection {
  int fd;
  bool waiting;
  bool blocked;          /* the answer did not fit into the socket */
  unsigned char matched; /* how much of CR LF CR LF was just seen */
  unsigned char target_length;
  char target[TARGET_MAX]; /* the first bytes of the request */
  size_t sent;
  uint64_t due;
  struct connection *previous, *next;
};

/* The delay is the same for all, so a queue in order of arrival is also one
 * in order of time. */
static struct connection *first, *last;
static long waiting, peak;
static uint64_t delay_ns;
static char *answer;
static size_t answer_length;
static int epoll_fd;

static void require(bool ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "slow: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void queue_append(struct connection *connection) {
  connection->due = now_ns() + delay_ns;
  connection->waiting = true;
  connection->previous = last;
  connection->next = NULL;
  if (last)
    last->next = connection;
  else
    first = connection;
  last = connection;
  if (++waiting > peak) peak = waiting;
}

static void queue_remove(struct connection *connection) {
  if (connection->previous)
    connection->previous->next = connection->next;
  else
    first = connection->next;
  if (connection->next)
    connection->next->previous = connection->previous;
  else
    last = connection->previous;
  connection->waiting = false;
  waiting--;
}

static void connection_close(struct connection *connection) {
  if (connection->waiting) queue_remove(connection);
  close(connection->fd);
  free(connection);
}

static void connection_watch(struct connection *connection, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = connection};

  require(!epoll_ctl(epoll_fd, EPOLL_CTL_MOD, connection->fd, &event),
          "epoll_ctl");
}

/* Sends what is left of the answer; false when the connection is gone. */
static bool connection_answer(struct connection *connection) {
  while (connection->sent < answer_length) {
    ssize_t n = send(connection->fd, answer + connection->sent,
                     answer_length - connection->sent, 0);
    if (n < 0 && errno == EAGAIN) {
      if (!connection->blocked)
        connection_watch(connection, EPOLLIN | EPOLLOUT);
      connection->blocked = true;
      return true;
    }
    if (n < 0) {
      connection_close(connection);
      return false;
    }
    connection->sent += (size_t)n;
  }
  if (connection->blocked) connection_watch(connection, EPOLLIN);
  connection->blocked = false;
  connection->sent = 0;
  return true;
}

/* Answers a question about the peak at once; false when it was none. */
static bool peak_answer(struct connection *connection) {
  char text[200], body[24];
  bool reset = !memcmp(connection->target, "GET /peak-reset ", 16);

  if (!reset && memcmp(connection->target, "GET /peak ", 10) != 0) return false;
  int length = snprintf(body, sizeof(body), "%ld\n", peak);
  length = snprintf(text, sizeof(text),
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                    "Content-Length: %d\r\n\r\n%s",
                    length, body);
  if (reset) peak = waiting;
  /* So short that it always fits; a client that is gone shows on reading. */
  (void)!send(connection->fd, text, (size_t)length, 0);
  return true;
}

/* Takes one byte of a request; true when it was the last one of its header.
 * A request with a body is not understood: the benchmark sends none. */
static bool connection_take(struct connection *connection, char byte) {
  static const char end[] = "\r\n\r\n";

  if (connection->target_length < TARGET_MAX)
    connection->target[connection->target_length++] = byte;
  if (byte == end[connection->matched])
    connection->matched++;
  else
    connection->matched = byte == '\r';
  return connection->matched == 4;
}

static void connection_read(struct connection *connection) {
  static char buffer[65536];
  ssize_t n = recv(connection->fd, buffer, sizeof(buffer), 0);

  if (n < 0 && errno == EAGAIN) return;
  /* Bytes during the wait would be a pipelined request: not supported. */
  if (n <= 0 || connection->waiting || connection->sent) {
    connection_close(connection);
    return;
  }
  for (ssize_t i = 0; i < n; i++) {
    if (!connection_take(connection, buffer[i])) continue;
    if (connection->waiting) {
      connection_close(connection);
      return;
    }
    if (!peak_answer(connection)) queue_append(connection);
    connection->matched = 0;
    connection->target_length = 0;
    memset(connection->target, 0, TARGET_MAX);
  }
}

static void connections_accept(int listener) {
  int fd;

  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >=
         0) {
    struct connection *connection = calloc(1, sizeof(*connection));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int on = 1;

    require(connection != NULL, "calloc");
    connection->fd = fd;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    require(!epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }
  require(errno == EAGAIN || errno == ECONNABORTED || errno == EINTR, "accept");
}

/* Answers what is due; the milliseconds until the next one is, or -1. */
static int queue_serve(void) {
  uint64_t now = now_ns();

  while (first && first->due <= now) {
    struct connection *connection = first;

    queue_remove(connection);
    (void)connection_answer(connection); /* nothing more to do with it */
  }
  return first ? (int)((first->due - now + 999999) / 1000000) : -1;
}

static void serve(int listener) {
  struct epoll_event events[512];

  for (;;) {
    int count = epoll_wait(epoll_fd, events, 512, queue_serve());

    require(count >= 0 || errno == EINTR, "epoll_wait");
    for (int i = 0; i < count; i++) {
      struct connection *connection = events[i].data.ptr;

      if (!connection) {
        connections_accept(listener);
        continue;
      }
      if (events[i].events & EPOLLOUT && !connection_answer(connection))
        continue;
      if (events[i].events & ~(uint32_t)EPOLLOUT) connection_read(connection);
    }
  }
}

static int listener_open(long port) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port)};
  socklen_t length = sizeof(address);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  int on = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  require(fd >= 0, "socket");
  (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  require(!bind(fd, (struct sockaddr *)&address, length), "bind");
  require(!listen(fd, 65535), "listen");
  require(!getsockname(fd, (struct sockaddr *)&address, &length),
          "getsockname");
  require(!epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  printf("PORT %d\n", ntohs(address.sin_port));
  (void)fflush(stdout);
  return fd;
}

static void answer_make(size_t body) {
  char header[128];
  int length = snprintf(header, sizeof(header),
                        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        body);

  answer_length = (size_t)length + body;
  answer = malloc(answer_length);
  require(answer != NULL, "malloc");
  memcpy(answer, header, (size_t)length);
  memset(answer + length, 'x', body);
}

int main(int argc, char **argv) {
  static const struct option names[] = {
      {"delay-ms", required_argument, NULL, 'd'},
      {"body", required_argument, NULL, 'b'},
      {"port", required_argument, NULL, 'p'},
      {NULL, 0, NULL, 0}};
  long delay = 0, body = 1024, port = 0;
  struct rlimit files;
  int name;

  while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
    long *value = name == 'd' ? &delay : name == 'b' ? &body : &port;
    char *end = NULL;

    if (name != '?') *value = strtol(optarg, &end, 10);
    if (!end || *end || *value < 0 || (name == 'p' && *value > 65535)) {
      fprintf(stderr, "usage: %s --delay-ms D --body N --port P\n", *argv);
      return 2;
    }
  }
  delay_ns = (uint64_t)delay * 1000000u;
  answer_make((size_t)body);
  (void)signal(SIGPIPE, SIG_IGN); /* cannot fail with these arguments */
  if (!getrlimit(RLIMIT_NOFILE, &files)) {
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files); /* accept() tells if too few */
  }
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  require(epoll_fd >= 0, "epoll_create1");
  serve(listener_open(port));
}
