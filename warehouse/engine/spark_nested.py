"""Lists, structs, patterns and days in Spark's words: what takes a look at the operands, beyond a template."""

from __future__ import annotations

from abc import ABC, abstractmethod

from sqlglot import exp

from warehouse.engine.spark_patterns import PatternError, pattern_text, replacement_text
from warehouse.engine.spark_values import spark_identifier, spark_text


class UntranslatableError(Exception):
    """Something that the table does not have; the text names it."""


class NestedExpressions(ABC):
    """Writes what is in nested values and texts, by the names of the parser's nodes."""

    @abstractmethod
    def sql(self, node: exp.Expression) -> str:
        """Any expression."""

    @abstractmethod
    def check(self, node: exp.Expression, *names: str) -> None:
        """Refuses a node of which something else is said."""

    # Lists, maps and structs.

    def _write_explode(self, node: exp.Explode) -> str:
        self.check(node, "this")
        run = node.this
        if not isinstance(run, exp.GenerateSeries):
            return f"explode({self.sql(run)})"
        start = run.args["start"]
        self.check(run, "start", "end", "is_end_exclusive")
        if not run.args.get("is_end_exclusive") or not isinstance(start, exp.Literal) or start.name != "0":
            raise UntranslatableError(f"unnest of a range but from 0, in {shown(node)}")
        count = self.sql(run.args["end"])
        # A run that ends before it begins is an error, even where the condition leaves it out.
        return f"explode(case when {count} > 0 then sequence(0L, greatest({count}, 1L) - 1L) end)"

    def _write_array(self, node: exp.Array) -> str:
        self.check(node, "expressions")
        if len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Comprehension):
            (made,) = node.expressions
            self.check(made, "this", "expression", "iterator")
            name = spark_identifier(made.expression.name)
            return f"transform({self.sql(made.args['iterator'])}, {name} -> {self.sql(made.this)})"
        return f"array({', '.join(map(self.sql, node.expressions))})"

    def _write_transform(self, node: exp.Transform) -> str:
        self.check(node, "this", "expression")
        function = node.expression
        if not isinstance(function, exp.Lambda) or len(function.expressions) != 1:
            raise UntranslatableError(f"a function that is no lambda of one name, in {shown(node)}")
        (name,) = function.expressions
        return f"transform({self.sql(node.this)}, {spark_identifier(name.name)} -> {self.sql(function.this)})"

    def _write_identifier(self, node: exp.Identifier) -> str:
        # What the function of a list calls an element.
        return spark_identifier(node.name)

    def _write_bracket(self, node: exp.Bracket) -> str:
        """An element of a list by its place; null beyond the last."""
        (place,) = node.expressions
        if isinstance(place, exp.Add) and isinstance(place.expression, exp.Literal) and place.expression.is_int:
            # `list[x + 1]`, which the parser has made one less.
            return f"get({self.sql(node.this)}, {self.sql(place)})"
        # The parser counts from 0.
        if not isinstance(place, exp.Literal) or not place.name.isdecimal():
            raise UntranslatableError(f"an element whose place is no positive literal, in {shown(node)}")
        return f"get({self.sql(node.this)}, {place.name})"

    def _write_struct(self, node: exp.Struct) -> str:
        self.check(node, "expressions")
        members = (f"{spark_text(one.this.name)}, {self.sql(one.expression)}" for one in node.expressions)
        return f"named_struct({', '.join(members)})"

    def _write_tomap(self, node: exp.ToMap) -> str:
        entries = (f"{self.sql(one.this)}, {self.sql(one.expression)}" for one in node.this.expressions)
        return f"map({', '.join(entries)})"

    def _write_structextract(self, node: exp.StructExtract) -> str:
        self.check(node, "this", "expression")
        if not isinstance(node.expression, exp.Literal) or not node.expression.is_string:
            raise UntranslatableError(f"a field whose name is no literal, in {shown(node)}")
        return f"{self.sql(node.this)}[{spark_text(node.expression.name)}]"

    def _call_list_slice(self, node: exp.Anonymous) -> str:
        value, first, last = node.expressions if len(node.expressions) == 3 else (None, None, None)
        if not isinstance(first, exp.Literal) or first.name != "1" or not isinstance(last, exp.Literal):
            raise UntranslatableError(f"list_slice but from 1 to a literal, in {shown(node)}")
        return f"slice({self.sql(value)}, 1, {self.sql(last)})"

    # Texts and patterns.

    def _write_split(self, node: exp.Split) -> str:
        """Into characters, that is code points, or at blanks."""
        if not isinstance(node.expression, exp.Literal) or node.expression.name not in ("", " "):
            raise UntranslatableError(f"string_split but by '' or ' ', in {shown(node)}")
        if node.expression.name:
            return f"split({self.sql(node.this)}, ' ')"
        return f"regexp_extract_all({self.sql(node.this)}, '(?s).', 0)"

    def _write_regexpextractall(self, node: exp.RegexpExtractAll) -> str:
        if not isinstance(node.args.get("group"), exp.Literal) or node.args["group"].name != "0":
            raise UntranslatableError(f"a group of a match, in {shown(node)}")
        self.check(node, "this", "expression", "group")
        return f"regexp_extract_all({self.sql(node.this)}, {self._pattern(node)}, 0)"

    def _write_regexpreplace(self, node: exp.RegexpReplace) -> str:
        self.check(node, "this", "expression", "replacement", "modifiers", "single_replace")
        flags, by = node.args.get("modifiers"), node.args["replacement"]
        if flags is None or flags.name != "g" or not isinstance(by, exp.Literal):
            raise UntranslatableError(f"regexp_replace but by a literal and with the option 'g', in {shown(node)}")
        return f"regexp_replace({self.sql(node.this)}, {self._pattern(node)}, {_known(replacement_text, by.name)})"

    def _write_regexpfullmatch(self, node: exp.RegexpFullMatch) -> str:
        self.check(node, "this", "expression")
        return f"({self.sql(node.this)} rlike {self._pattern(node, whole=True)})"

    def _write_regexplike(self, node: exp.RegexpLike) -> str:
        self.check(node, "this", "expression")
        return f"({self.sql(node.this)} rlike {self._pattern(node)})"

    def _write_regexpsplit(self, node: exp.RegexpSplit) -> str:
        self.check(node, "this", "expression")
        return f"split({self.sql(node.this)}, {self._pattern(node)})"

    def _pattern(self, node: exp.Expression, *, whole: bool = False) -> str:
        pattern = node.expression
        if not isinstance(pattern, exp.Literal) or not pattern.is_string:
            raise UntranslatableError(f"a pattern that is no literal, in {shown(node)}")
        if whole:
            return _known(lambda text: rf"\A(?:{pattern_text(text)})\z", pattern.name)
        return _known(pattern_text, pattern.name)

    # Days.

    def _write_sub(self, node: exp.Sub) -> str:
        self.check(node, "this", "expression")
        left, right = self.sql(node.this), self.sql(node.expression)
        day = node.expression
        if isinstance(day, exp.Cast) and day.this.is_string and str(day.args["to"].this.name) == "DATE":
            # Of two dates a number of days, as bigint.
            return f"cast(datediff({left}, {right}) as bigint)"
        return f"({left} - {right})"

    def _write_datediff(self, node: exp.DateDiff) -> str:
        """How often a day begins between two moments."""
        if str(node.args["unit"].name).upper() != "DAY":
            raise UntranslatableError(f"date_diff but in days, in {shown(node)}")
        to, since = self.sql(node.this), self.sql(node.expression)
        return f"cast(datediff(cast({to} as date), cast({since} as date)) as bigint)"

    def _call_isfinite(self, node: exp.Anonymous) -> str:
        """Of doubles; and of what is cast to a timestamp, of which Spark has no infinite ones."""
        (value,) = node.expressions
        text = self.sql(value)
        if isinstance(value, exp.Cast) and str(value.args["to"].this.name).startswith("TIMESTAMP"):
            return f"case when {text} is not null then true end"
        # NOTE: NaN is greater than infinity to both engines, so it is not finite.
        return f"(abs({text}) < cast('Infinity' as double))"

    def _call_enum_code(self, node: exp.Anonymous) -> str:
        """`enum_code(try_cast(text as enum('a', 'b')))`: the place, from 0, of a text in a list; null for any other."""
        (cast,) = node.expressions
        if not isinstance(cast, exp.TryCast) or str(cast.args["to"].this.name) != "ENUM":
            raise UntranslatableError(f"enum_code but of a try_cast to an enum, in {shown(node)}")
        values = ", ".join(spark_text(value.name) for value in cast.args["to"].expressions)
        return f"(nullif(array_position(array({values}), {self.sql(cast.this)}), 0) - 1)"

    def _write_log(self, node: exp.Log) -> str:
        self.check(node, "this", "expression")
        if not isinstance(node.this, exp.Literal) or node.this.name != "2" or node.args.get("expression") is None:
            raise UntranslatableError(f"a logarithm but ln and log2, in {shown(node)}")
        return f"log2(cast({self.sql(node.expression)} as double))"

    def _write_round(self, node: exp.Round) -> str:
        """To so many digits, as DuckDB does it: a half goes away from zero."""
        self.check(node, "this", "decimals")
        digits = node.args.get("decimals")
        if not isinstance(digits, exp.Literal) or not digits.is_int:
            raise UntranslatableError(f"round but to so many digits, in {shown(node)}")
        return f"(round(cast({self.sql(node.this)} as double) * 1e{digits.name}D) / 1e{digits.name}D)"

    def _write_trycast(self, node: exp.TryCast) -> str:
        """Among dates and timestamps, where nothing but the range of years can fail; to whole numbers and truths.

        A number with a fraction is cut off where DuckDB rounds: whoever asks compares it with what it was.
        """
        self.check(node, "this", "to")
        types = {"DATE": "date", "TIMESTAMP": "timestamp_ntz", "TIMESTAMPNTZ": "timestamp_ntz"}
        types |= {"INT": "int", "BIGINT": "bigint", "BOOLEAN": "boolean"}
        target = node.args["to"].this.name
        if target not in types:
            raise UntranslatableError(f"try_cast to such a type, in {shown(node)}")
        return f"try_cast({self.sql(node.this)} as {types[target]})"


def _known(read: object, text: str) -> str:
    assert callable(read)
    try:
        return spark_text(str(read(text)))
    except PatternError as error:
        raise UntranslatableError(str(error)) from error


def shown(node: exp.Expression) -> str:
    """The node as somebody would look for it: its beginning, as DuckDB has it."""
    text = " ".join(node.sql(dialect="duckdb").split())
    return text if len(text) <= 80 else f"{text[:79]}…"
