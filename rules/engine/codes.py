"""Numbers that the compiler of expressions and the machine that runs them agree on."""

import itertools

_ops = itertools.count()

END = next(_ops)
CONSTANT = next(_ops)  # push x
OWN = next(_ops)  # push the last value of series a, if current; length: its sample
AGE = next(_ops)  # push the age of series a, s
RISE = next(_ops)  # of the window at cells a; likewise up to COVERED
FALL = next(_ops)
RATE = next(_ops)
SLOPE = next(_ops)
MEAN = next(_ops)
LEAST = next(_ops)
MOST = next(_ops)
SUM = next(_ops)
TOTAL = next(_ops)  # a sum in whose ring nothing is kept that adds nothing
COUNT = next(_ops)
MEDIAN = next(_ops)
SPAN = next(_ops)  # a: cells of least, b: of most
COVERED = next(_ops)
USUAL = next(_ops)  # cells a, b days, length: of a slot
LASTING = next(_ops)  # condition on the stack, cell a
MARK = next(_ops)  # push mark a of the subject's site, or x
ONLINE = next(_ops)
LEVEL_OF_TRACK = next(_ops)  # a: place of the track within the subject's
LEVEL_OF_WATCH = next(_ops)
GATHER = next(_ops)  # gathering a, how b, comparison c (or -1) with x
SCALE = next(_ops)  # times x
ADD = next(_ops)
SUBTRACT = next(_ops)
MULTIPLY = next(_ops)
DIVIDE = next(_ops)
ABSOLUTE = next(_ops)
LESS = next(_ops)
LESS_OR_EQUAL = next(_ops)
GREATER = next(_ops)
GREATER_OR_EQUAL = next(_ops)
EQUAL = next(_ops)
UNEQUAL = next(_ops)
NOT = next(_ops)
AND = next(_ops)  # of two on the stack
OR = next(_ops)
SKIP_IF_FALSE = next(_ops)  # to a, leaving it on the stack
SKIP_IF_TRUE = next(_ops)
WHEN = next(_ops)  # pop a condition; go on if true, else to a with calm or unknown
LEVEL_IF = next(_ops)  # pop a condition; if true, to b with level a
NO_LEVEL = next(_ops)  # push 0, or unknown if a condition was
HOURS = next(_ops)  # from minute a to minute b of the day
SEASON = next(_ops)  # from a to b, both month x 100 + day
WEEKDAYS = next(_ops)  # a: bits, Monday first

ARITHMETIC = {"+": ADD, "-": SUBTRACT, "*": MULTIPLY, "/": DIVIDE}
COMPARISON = {"<": LESS, "<=": LESS_OR_EQUAL, ">": GREATER, ">=": GREATER_OR_EQUAL, "==": EQUAL, "!=": UNEQUAL}

# What a pane of a window keeps of its readings, beside their number and the time of the last.
(KEEPS_LAST, KEEPS_SUM, KEEPS_LEAST, KEEPS_MOST, KEEPS_INCREASE, KEEPS_CHANGES, KEEPS_SPIKES, KEEPS_DAYS) = range(8)

# What is made of the members of a gathering.
(G_MOST, G_LEAST, G_MEAN, G_SUM, G_COUNT, G_SHARE, G_ANY, G_ALL) = range(8)

# What the members of a gathering are.
(OF_SERIES, OF_TRACKS, OF_WATCHES, OF_SILENCE) = range(4)
