"""The page: what duty staff see. Reads the store and the city; changes nothing."""
