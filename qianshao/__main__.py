from qianshao.cli import main

main()
