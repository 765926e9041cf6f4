// Reads that are sent on a connection behind the one that is answered there, so that the server
// goes from one to the next without waiting for anybody.
#pragma once

#include <cstddef>
#include <string>

#include "molt/db/postgres/description.h"

namespace molt::db::postgres {

class PgConnection;
struct Waiter;

// A read that was sent, and the replies that come before and after its rows.
struct SentRead {
  DescriptionPtr description;
  std::string before_rows;
  std::string after_rows;
};

// One that waits until those before it have been answered.
struct EarlyRead {
  SentRead sent;
  Waiter* waiter = nullptr;  // nullptr: has left
};

// The pool, as its connections see it.
class PipelineOwner {
 public:
  // The connection has sent a read and now waits: others that wait for a connection may follow.
  virtual void FillPipeline(PgConnection& connection) = 0;
  // The reads behind this one will get no answers worth reading. Returns how many they are; their
  // callers wait for another connection.
  virtual std::size_t EmptyPipeline(PgConnection& connection) = 0;

 protected:
  ~PipelineOwner() = default;
};

}  // namespace molt::db::postgres
