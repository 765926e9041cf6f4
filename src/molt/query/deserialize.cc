// The reading half of serialize.h.
#include <algorithm>
#include <array>
#include <utility>

#include "molt/base/nearest_names.h"
#include "molt/query/document_fields.h"
#include "molt/query/literal_document.h"
#include "molt/query/serialize.h"

namespace molt::query {

namespace {

using types::Document;

// The deepest query the constructors accept fits with a little to spare for its envelope.
constexpr types::DocumentLimits kDocumentLimits = {
    .depth_max = 2 * kExprDepthMax + 10, .size_bytes_max = kIrBytesMax, .nodes_max = 1'200'000};

// The names of all operations, to suggest one.
std::vector<std::string> OpNames() {
  std::vector<std::string> names;
  for (int op = static_cast<int>(Op::kError) + 1; op <= static_cast<int>(Op::kArrayAgg); ++op) {
    names.emplace_back(InfoOf(static_cast<Op>(op)).name);
  }
  return names;
}

class Reader {
 public:
  Result<Query> Run(const Document& document) {
    const Path root;
    if (document.AsMap() == nullptr) return WrongKind(root, "a map", document);
    // The version first: of another one nothing else can be said.
    const Document* version = document.Find("molt_ir");
    if (version == nullptr) return At(root, "\"molt_ir\" is missing; this is no serialized query");
    const Path version_path{&root, "molt_ir"};
    if (!version->AsInt64()) return WrongKind(version_path, "the version, an integer", *version);
    if (*version->AsInt64() != kIrVersion) {
      return At(version_path, "version " + std::to_string(*version->AsInt64()) +
                                  " is not known here, only " + std::to_string(kIrVersion));
    }
    MOLT_ASSIGN(const Fields fields, Fields::Of(document, root, {"molt_ir", "query"}));
    MOLT_ASSIGN(const Document* query, fields.Need("query"));
    return ReadQuery(*query, fields.Sub("query"));
  }

 private:
  Result<Query> ReadQuery(const Document& document, const Path& path) {
    if (document.Find("raw") != nullptr) return ReadRawQuery(document, path);
    MOLT_ASSIGN(const Fields fields,
                Fields::Of(document, path,
                           {"from", "joins", "select", "where", "group_by", "having", "order_by",
                            "limit", "offset", "distinct", "raw"}));
    QueryNode node;
    MOLT_ASSIGN(const Document* from, fields.Need("from"));
    MOLT_ASSIGN(node.from, ReadTable(*from, fields.Sub("from")));
    MOLT_RETURN_IF_ERROR(ReadJoins(fields, node.joins));
    MOLT_RETURN_IF_ERROR(ReadList(fields, "select", node.select));
    MOLT_RETURN_IF_ERROR(ReadList(fields, "where", node.where));
    MOLT_RETURN_IF_ERROR(ReadList(fields, "group_by", node.group_by));
    MOLT_RETURN_IF_ERROR(ReadList(fields, "having", node.having));
    MOLT_RETURN_IF_ERROR(ReadOrderBy(fields, node.order_by));
    MOLT_ASSIGN(node.distinct, fields.Bool("distinct", false));
    Query query(std::move(node));
    MOLT_ASSIGN(const auto limit, ReadRowCount(fields, "limit"));
    if (limit) query = query.Limit(*limit);
    MOLT_RETURN_IF_ERROR(Check(query->limit, fields.Sub("limit")));
    MOLT_ASSIGN(const auto offset, ReadRowCount(fields, "offset"));
    if (offset) query = query.Offset(*offset);
    MOLT_RETURN_IF_ERROR(Check(query->offset, fields.Sub("offset")));
    return query;
  }

  Result<Query> ReadRawQuery(const Document& document, const Path& path) {
    if (document.AsMap()->size() > 1) {
      return At(path, "a query by hand, \"raw\", takes no other key");
    }
    const Path raw_path{&path, "raw"};
    MOLT_ASSIGN(Expr raw, ReadExpr(*document.Find("raw"), raw_path, 1));
    Query query = Query::FromRaw(std::move(raw));
    MOLT_RETURN_IF_ERROR(Check(query->raw, raw_path));
    return query;
  }

  static Result<Table> ReadTable(const Document& document, const Path& path) {
    MOLT_ASSIGN(const Fields fields,
                Fields::Of(document, path, {"name", "schema", "as", "columns"}));
    TableDef table;
    MOLT_ASSIGN(table.name, fields.NeedString("name"));
    MOLT_ASSIGN(table.schema, fields.String("schema"));
    MOLT_ASSIGN(table.alias, fields.String("as"));
    if (fields.Find("columns") != nullptr) {
      const Path columns_path = fields.Sub("columns");
      MOLT_ASSIGN(const Document::Array* columns, fields.ShortArray("columns"));
      table.columns.emplace();
      for (std::size_t i = 0; i < columns->size(); ++i) {
        MOLT_ASSIGN(types::Field field, ReadField((*columns)[i], {&columns_path, {}, i}));
        table.columns->push_back(std::move(field));
      }
    }
    return Table(std::move(table));
  }

  static Result<types::Field> ReadField(const Document& document, const Path& path) {
    MOLT_ASSIGN(const Fields fields, Fields::Of(document, path, {"name", "type", "nullable"}));
    types::Field field;
    MOLT_ASSIGN(field.name, fields.NeedString("name"));
    MOLT_ASSIGN(field.type, ReadType(fields));
    MOLT_ASSIGN(field.nullable, fields.Bool("nullable", true));
    return field;
  }

  static Result<types::LogicalType> ReadType(const Fields& fields) {
    MOLT_ASSIGN(const std::string name, fields.NeedString("type"));
    if (const auto type = types::TypeFromName(name)) return *type;
    return At(fields.Sub("type"), "unknown type " + Shown(name));
  }

  Status ReadJoins(const Fields& fields, std::vector<Join>& out) {
    static constexpr std::array<std::pair<std::string_view, JoinKind>, 5> kKinds = {{
        {"inner", JoinKind::kInner},
        {"left", JoinKind::kLeft},
        {"right", JoinKind::kRight},
        {"full", JoinKind::kFull},
        {"cross", JoinKind::kCross},
    }};
    const Path list_path = fields.Sub("joins");
    MOLT_ASSIGN(const Document::Array* list, fields.ShortArray("joins"));
    for (std::size_t i = 0; i < list->size(); ++i) {
      const Path path{&list_path, {}, i};
      MOLT_ASSIGN(const Fields join, Fields::Of((*list)[i], path, {"kind", "table", "on"}));
      MOLT_ASSIGN(const std::string kind, join.NeedString("kind"));
      const auto* known = std::find_if(kKinds.begin(), kKinds.end(),
                                       [&](const auto& entry) { return entry.first == kind; });
      if (known == kKinds.end()) {
        return At(join.Sub("kind"), "unknown kind of join " + Shown(kind) +
                                        "; there are inner, left, right, full and cross");
      }
      MOLT_ASSIGN(const Document* table_document, join.Need("table"));
      MOLT_ASSIGN(Table table, ReadTable(*table_document, join.Sub("table")));
      Expr on;
      if (const Document* condition = join.Find("on")) {
        MOLT_ASSIGN(on, ReadExpr(*condition, join.Sub("on"), 1));
      }
      out.push_back({known->second, std::move(table), std::move(on)});
    }
    return {};
  }

  Status ReadOrderBy(const Fields& fields, std::vector<Ordering>& out) {
    const Path list_path = fields.Sub("order_by");
    MOLT_ASSIGN(const Document::Array* list, fields.ShortArray("order_by"));
    for (std::size_t i = 0; i < list->size(); ++i) {
      const Path path{&list_path, {}, i};
      MOLT_ASSIGN(const Fields key, Fields::Of((*list)[i], path, {"expr", "desc", "nulls"}));
      Ordering ordering;
      MOLT_ASSIGN(const Document* expr, key.Need("expr"));
      MOLT_ASSIGN(ordering.expr, ReadExpr(*expr, key.Sub("expr"), 1));
      MOLT_ASSIGN(ordering.descending, key.Bool("desc", false));
      MOLT_ASSIGN(const std::string nulls, key.NeedString("nulls"));
      if (nulls != "first" && nulls != "last") {
        return At(key.Sub("nulls"), "expected \"first\" or \"last\", got " + Shown(nulls));
      }
      ordering.nulls = nulls == "first" ? NullOrder::kFirst : NullOrder::kLast;
      out.push_back(std::move(ordering));
    }
    return {};
  }

  Status ReadList(const Fields& fields, std::string_view key, std::vector<Expr>& out) {
    const Path path = fields.Sub(key);
    MOLT_ASSIGN(const Document::Array* list, fields.ShortArray(key));
    return ReadExprs(*list, path, 1, out);
  }

  Status ReadExprs(const Document::Array& list, const Path& path, std::uint32_t depth,
                   std::vector<Expr>& out) {
    out.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      MOLT_ASSIGN(Expr e, ReadExpr(list[i], {&path, {}, i}, depth));
      out.push_back(std::move(e));
    }
    return {};
  }

  Result<std::optional<std::int64_t>> ReadRowCount(const Fields& fields, std::string_view key) {
    const Document* document = fields.Find(key);
    if (document == nullptr) return std::nullopt;
    const Path path = fields.Sub(key);
    MOLT_ASSIGN(const Expr e, ReadExpr(*document, path, 1));
    const auto* rows = e->op == Op::kLiteral ? std::get_if<std::int64_t>(&e->value) : nullptr;
    if (rows == nullptr) return At(path, "expected a value of type int64");
    return *rows;
  }

  // A mistake the constructors found.
  static Status Check(const Expr& e, const Path& path) {
    if (e.IsEmpty() || e->op != Op::kError) return {};
    return At(path, e->name);
  }

  Status Count(std::size_t nodes, const Path& path) {
    nodes_ += nodes;
    if (nodes_ <= kExprNodesMax) return {};
    return At(path, "the query has more than " + std::to_string(kExprNodesMax) +
                        " parts; send the values as a table and join it");
  }

  // Recursion is bounded here, before the constructors bound what was built.
  Result<Expr> ReadExpr(const Document& document, const Path& path, std::uint32_t depth) {
    if (depth > kExprDepthMax) {
      return At(path, "nested deeper than " + std::to_string(kExprDepthMax) + " levels");
    }
    MOLT_RETURN_IF_ERROR(Count(1, path));
    if (document.AsMap() == nullptr) return WrongKind(path, "an expression, a map", document);
    const Document* op_document = document.Find("op");
    if (op_document == nullptr) return At(path, "\"op\" is missing");
    const std::string* op_name = op_document->AsString();
    if (op_name == nullptr) return WrongKind({&path, "op"}, "a string", *op_document);
    const std::optional<Op> op = OpFromName(*op_name);
    if (!op) {
      return At(path, "unknown op " + Shown(*op_name) + NearestNames(*op_name, OpNames()));
    }
    MOLT_ASSIGN(Expr e, ReadNode(*op, document, path, depth));
    MOLT_RETURN_IF_ERROR(Check(e, path));
    return e;
  }

  Result<Expr> ReadNode(Op op, const Document& document, const Path& path, std::uint32_t depth) {
    switch (op) {
      case Op::kColumn: {
        MOLT_ASSIGN(const Fields fields, Fields::Of(document, path, {"op", "table", "name"}));
        MOLT_ASSIGN(std::string table, fields.NeedString("table"));
        MOLT_ASSIGN(std::string name, fields.NeedString("name"));
        return Expr::Column(std::move(table), std::move(name));
      }
      case Op::kLiteral: {
        MOLT_ASSIGN(const Fields fields, Fields::Of(document, path, {"op", "type", "value"}));
        MOLT_ASSIGN(const types::LogicalType type, ReadType(fields));
        MOLT_ASSIGN(const Document* value, fields.Need("value"));
        auto literal = LiteralFromDocument(type, *value);
        if (!literal) return At(fields.Sub("value"), literal.error().message);
        MOLT_RETURN_IF_ERROR(Count(CountItems(*literal), path));
        return Expr(*std::move(literal));
      }
      case Op::kConstant: {
        MOLT_ASSIGN(const Fields fields, Fields::Of(document, path, {"op", "value"}));
        MOLT_RETURN_IF_ERROR(fields.Need("value"));
        MOLT_ASSIGN(const bool value, fields.Bool("value", false));
        return Expr::Constant(value);
      }
      case Op::kRaw:
        return ReadRaw(document, path, depth);
      case Op::kAlias: {
        MOLT_ASSIGN(const Fields fields, Fields::Of(document, path, {"op", "name", "args"}));
        MOLT_ASSIGN(std::string name, fields.NeedString("name"));
        MOLT_ASSIGN(const std::vector<Expr> args, ReadArgs(fields, depth));
        if (args.size() != 1) {
          return At(path, "as takes 1 argument, got " + std::to_string(args.size()));
        }
        return args[0].As(std::move(name));
      }
      default: {
        MOLT_ASSIGN(const Fields fields, Fields::Of(document, path, {"op", "args", "distinct"}));
        MOLT_ASSIGN(std::vector<Expr> args, ReadArgs(fields, depth));
        MOLT_ASSIGN(const bool distinct, fields.Bool("distinct", false));
        return Expr::Make(op, std::move(args), distinct);
      }
    }
  }

  Result<Expr> ReadRaw(const Document& document, const Path& path, std::uint32_t depth) {
    MOLT_ASSIGN(const Fields fields, Fields::Of(document, path, {"op", "parts", "args"}));
    MOLT_RETURN_IF_ERROR(fields.Need("parts"));
    MOLT_ASSIGN(const Document::Array* list, fields.Array("parts"));
    const Path list_path = fields.Sub("parts");
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < list->size(); ++i) {
      const std::string* part = (*list)[i].AsString();
      if (part == nullptr) return WrongKind({&list_path, {}, i}, "a string", (*list)[i]);
      parts.push_back(*part);
    }
    MOLT_ASSIGN(std::vector<Expr> args, ReadArgs(fields, depth));
    return Expr::RawParts(std::move(parts), std::move(args));
  }

  Result<std::vector<Expr>> ReadArgs(const Fields& fields, std::uint32_t depth) {
    MOLT_ASSIGN(const Document::Array* list, fields.Array("args"));
    const Path path = fields.Sub("args");
    std::vector<Expr> args;
    MOLT_RETURN_IF_ERROR(ReadExprs(*list, path, depth + 1, args));
    return args;
  }

  std::uint64_t nodes_ = 0;
};

}  // namespace

Result<Query> FromDocument(const types::Document& document) { return Reader().Run(document); }

Result<Query> FromJson(std::string_view text) {
  MOLT_ASSIGN(const Document document, types::ParseJson(text, kDocumentLimits));
  return FromDocument(document);
}

Result<Query> FromMsgPack(std::string_view bytes) {
  MOLT_ASSIGN(const Document document, types::ParseMsgPack(bytes, kDocumentLimits));
  return FromDocument(document);
}

}  // namespace molt::query
