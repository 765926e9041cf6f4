// Expressions as SQL text.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "molt/sql/compiler.h"

namespace molt::sql {

// Appends to the SQL and the parameters of a query that is being compiled.
class ExprWriter {
 public:
  // Borrows both.
  ExprWriter(const Dialect& dialect, CompiledQuery& out) : d_(dialect), out_(out) {}

  // Writes `e`, in parentheses if it binds less tightly than `least`.
  [[nodiscard]] Status WriteExpr(const query::BoundExpr& e, Precedence least);
  // A condition: where the engine takes no number for one, it is compared with 0.
  [[nodiscard]] Status WriteCondition(const query::BoundExpr& e, Precedence least);
  // A key to group or order by.
  [[nodiscard]] Status WriteKey(const query::BoundExpr& e);
  // SQL by hand, with its holes bound.
  [[nodiscard]] Status WriteRaw(const query::BoundExpr& e);
  // An identifier, quoted.
  void WriteName(std::string_view name);
  // The first name longer than the dialect allows; empty: none.
  [[nodiscard]] const std::string& too_long_name() const { return too_long_name_; }
  void Write(std::string_view text) { out_.sql += text; }

 private:
  // Each writes `e` without parentheses around it and tells how tightly it binds.
  Result<Precedence> WriteBare(const query::BoundExpr& e);
  // Argument `i` of `e`, as the type that `e` needs.
  [[nodiscard]] Status WriteArg(const query::BoundExpr& e, std::size_t i, Precedence least);
  Result<Precedence> WriteSpelled(const query::BoundExpr& e);
  Result<Precedence> WriteTemplate(const query::BoundExpr& e, std::string_view text,
                                   Precedence precedence);
  [[nodiscard]] Status WriteConcatenation(const query::BoundExpr& e);
  Result<Precedence> WriteChain(const query::BoundExpr& e, std::string_view between,
                                Precedence precedence);
  Result<Precedence> WriteIn(const query::BoundExpr& e, std::string_view keyword);
  Result<Precedence> WriteTextMatch(const query::BoundExpr& e);
  Result<Precedence> WriteAggregate(const query::BoundExpr& e);
  void WritePlaceholder(const ParamSlot& slot);
  [[nodiscard]] tl::unexpected<Error> Lacks(query::Op op, std::string_view way_out) const;

  const Dialect& d_;
  CompiledQuery& out_;
  std::string too_long_name_;
  std::unordered_multimap<int, std::size_t> numbers_;  // of placeholders, by their literal
};

}  // namespace molt::sql
