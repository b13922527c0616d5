from chansearch.cli import main

raise SystemExit(main())
