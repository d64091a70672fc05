"""All boards of a city, from the same code for a district with streets and a city with towns."""

from city.city import City
from dashboards.boards.domain import domains
from dashboards.boards.frame import Board, Wall
from dashboards.boards.overview import overview
from dashboards.boards.places import community, street
from dashboards.boards.risk_class import classes
from dashboards.boards.sentry import sentry
from dashboards.boards.system import system
from dashboards.boards.tickets import tickets
from dashboards.boards.video import video
from dashboards.boards.waterlogging import waterlogging
from dashboards.ground import ground_of
from dashboards.store import Store


def boards(city: City, store: Store) -> list[Board]:
    """Every board, in the order in which people come to them."""
    wall = Wall(city, store, ground_of(city))
    watch = [overview(wall), *domains(wall), tickets(wall)]
    themes = [waterlogging(wall), sentry(wall), video(wall), *classes(wall)]
    return [*watch, *themes, street(wall), community(wall), system(wall)]
