// What a worker lets be called: the manifest of the contract
// (docs/spec/0915_MOLT_DB_IPC_CONTRACT.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "molt/base/status.h"
#include "molt/query/query.h"
#include "molt/types/logical_type.h"
#include "molt/wire/envelope.h"

namespace molt::worker {

// A query that is called by its name.
struct NamedQuery {
  struct Param {
    std::string name;
    types::LogicalType type;
  };
  std::string sql;  // with `:name`; empty if `query` is there
  std::optional<query::Query> query;
  std::vector<Param> params;
  std::string alias = "default";
  std::optional<std::int64_t> rows_max;
};

struct Export {
  std::string name;
  std::optional<wire::PayloadCodec> codec_out;  // none: the request's
  std::optional<NamedQuery> named;
};

class Manifest {
 public:
  // Everything that is built in may be called.
  Manifest() = default;
  // Exports that are not valid are left out, and said in `warnings`. InvalidQuery if the document
  // is none at all.
  [[nodiscard]] static Result<Manifest> Parse(std::string_view json,
                                              std::vector<std::string>& warnings);

  // Only what is exported may be called; otherwise also what is built in.
  [[nodiscard]] bool is_closed() const { return is_closed_; }
  [[nodiscard]] const Export* Find(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> Names() const;

 private:
  bool is_closed_ = false;
  std::map<std::string, Export> exports_;
};

}  // namespace molt::worker
