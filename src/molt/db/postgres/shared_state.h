// What all connections of a pool share.
#pragma once

#include "molt/db/postgres/description.h"
#include "molt/db/postgres/pipeline.h"
#include "molt/db/postgres/postgres_options.h"
#include "molt/db/postgres/read_gate.h"

namespace molt::db::postgres {

struct SharedState {
  explicit SharedState(PostgresOptions given) : options(std::move(given)) {}

  const PostgresOptions options;
  DescriptionCache descriptions;
  ReadGate gate;
  LeastTime round_trip;
  PipelineOwner* pool = nullptr;
};

}  // namespace molt::db::postgres
